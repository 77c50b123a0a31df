FROM alpine
USER root
USER 1000
USER 1000:1000
USER app:app
USER ${UID:-1000}:${GID:-1000}
USER "quoted user"
USER ContainerAdministrator
WORKDIR /a
WORKDIR b/../c
WORKDIR ./d/
WORKDIR ../..
WORKDIR "/with blank"
WORKDIR /with blank too
WORKDIR /with\ escaped
WORKDIR $HOME/x
WORKDIR ${UNSET}
WORKDIR ~
WORKDIR /ünï/日本
