FROM alpine
RUN a \
  && b \
  # last words

