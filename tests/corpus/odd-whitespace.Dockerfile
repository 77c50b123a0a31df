FROM busybox
RUNecho ab
RUN echo a b
 
RUN echo xy
CMD sh
