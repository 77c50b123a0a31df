FROM alpine

RUN one \

  && two \
   
  && three \
	

  && four

ENV A=1 \

    B=2

COPY a \

  b \

  /c/
CMD x
