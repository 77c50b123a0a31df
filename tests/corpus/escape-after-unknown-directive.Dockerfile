# syntac=x
# escape=`
FROM x
RUN a \
 b
