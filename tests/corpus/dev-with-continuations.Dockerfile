FROM alpine
RUN a \
  #dev-run=no
  && b
#dev-run=yes
COPY a \
#dev-copy=no no
  b
#dev-env=YES=1
ENV C=1 \
    # dev-env=NO=1
    D=2
#dev-cmd-live=sleep 1000
RUN gone \
  #dev-run=gone
  && gone
CMD gone \

  gone
LABEL stays=1
