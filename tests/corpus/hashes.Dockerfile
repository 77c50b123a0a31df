FROM busybox
RUN echo a # part of the command
COPY #x a#b /o/
ENV A=b#c
## two
   ### three
#
CMD ["sh"] # after
