FROM alpine
RUN a b c
ENV A=1 B=2 C=3
LABEL x　y z
CMD  x 
  # comment
 RUN d
