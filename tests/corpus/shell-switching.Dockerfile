FROM debian
RUN echo sh
SHELL ["/bin/bash", "-c"]
RUN echo bash ${BASH_VERSION%%.*}
SHELL [ "/usr/bin/env" , "-i", "PATH=/usr/bin:/bin", "bash", "-o", "pipefail", "-c" ]
RUN false | true || echo caught
shell ["python3", "-c"]
RUN import sys; \
    print(sys.path)
SHELL ["cmd", "/S", "/C"]
RUN dir
SHELL ["powershell","-NoProfile","-Command"]
RUN Write-Host 'hi'; if ($?) { exit 0 }
SHELL ["/bin/sh", "-ec"]
CMD echo end
ENTRYPOINT exec top -b
