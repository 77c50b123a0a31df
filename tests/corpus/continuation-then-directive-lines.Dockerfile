# escape=\
FROM alpine
RUN a \
# escape=`
 b \
# syntax=x
 c `
#dev-run=after the backtick, which escapes nothing
CMD d
