FROM mcr.microsoft.com/dotnet/sdk:8.0
ENV DOTNET_USE_POLLING_FILE_WATCHER=true \
    ASPNETCORE_URLS=http://+:5000
WORKDIR /src
COPY src/*.csproj src/
RUN dotnet restore src
## dev-cmd-live = dotnet watch --project src run --no-restore
COPY src src
RUN dotnet publish src -o /app
CMD dotnet /app/web.dll
