FROM alpine
RUN echo [31mred[0m
ENV A= B=
CMD a b
