# escape=`
FROM x
#dev-run=dir C:\
#dev-cmd-live=powershell -Command "Write-Host `"hi`""
COPY a `
  b
RUN gone `
  gone
