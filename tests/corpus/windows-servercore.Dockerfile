# escape=`

# Backslashes are letters here.
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]
ENV GIT_VERSION=2.43.0 `
    GIT_PATH="C:\Program Files\Git" `
    HASH='a1b2c3'
WORKDIR C:\build
RUN Invoke-WebRequest -Uri "https://example.test/git-$($env:GIT_VERSION).zip" -OutFile git.zip ; `
    if ((Get-FileHash git.zip -Algorithm sha256).Hash -ne $Env:HASH) { throw 'hash' } ; `
    # a comment in between
    Expand-Archive git.zip -DestinationPath $Env:GIT_PATH ; `
    Remove-Item -Force git.zip
COPY src\ C:\src\
ADD ["My Files\\a.txt", "C:\\Data\\"]
RUN [ "cmd", "/S", "/C", "dir C:\\src" ]
RUN setx /M PATH "%PATH%;C:\tools\"
USER ContainerUser
ENTRYPOINT ["C:\\src\\app.exe"]
CMD dir C:\
