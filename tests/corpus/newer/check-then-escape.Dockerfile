# check=skip=JSONArgsRecommended;error=true
# escape=`
FROM alpine
RUN a `
  b
CMD c:\
