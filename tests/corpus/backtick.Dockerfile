# escape=`
FROM mcr.example/windows
COPY app.exe C:\app\
RUN dir C:\ `
  && echo done
CMD C:\app\app.exe
