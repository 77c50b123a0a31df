FROM alpine
ENV A=b\
RUN=this\ belongs\
  and=c
RUN d
