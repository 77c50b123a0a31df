FROM alpine
RUN echo ab
CMD c
