FROM alpine
RUN echo a\
b
RUN echo a \ 
b
RUN echo a \	
b
RUN echo a\\
RUN echo a\\\
ENV A=1
RUN echo a \\
RUN echo a \\\
RUN echo a\\\\
RUN echo "\
"
RUN echo '\
'
RUN \
\
\
echo
RUN echo a \x
RUN \ 
 echo
