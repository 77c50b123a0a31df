# escape=`
# syntax=docker/dockerfile:1
ARG WINVER=ltsc2022
FROM mcr.microsoft.com/dotnet/framework/sdk:4.8 AS build
WORKDIR /app
COPY *.sln .
COPY web/*.csproj web/*.config ./web/
RUN nuget restore
COPY web/. ./web/
WORKDIR /app/web
RUN msbuild /p:Configuration=Release `
            /p:OutDir=..\out\ `
            -r:False
FROM mcr.microsoft.com/windows/nanoserver:${WINVER}
COPY --from=build C:\app\out C:\inetpub\wwwroot
VOLUME C:\data
VOLUME ["C:\\logs", "C:\\temp"]
