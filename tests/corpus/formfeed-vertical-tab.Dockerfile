FROM alpine
RUNab
CMD["x"]
ENV A=1B=2

