FROM node:20-alpine
RUN mkdir -p /usr/src/app
WORKDIR /usr/src/app
ONBUILD ARG NODE_ENV
ONBUILD ENV NODE_ENV $NODE_ENV
ONBUILD COPY package*.json ./
ONBUILD RUN npm ci && npm cache clean --force
ONBUILD COPY --chown=node . /usr/src/app
ONBUILD USER node
ONBUILD HEALTHCHECK CMD wget -q -O- localhost
ONBUILD LABEL built="on"
ONBUILD EXPOSE 80
ONBUILD VOLUME ["/data"]
ONBUILD ENTRYPOINT ["/e"]
ONBUILD STOPSIGNAL SIGTERM
ONBUILD SHELL ["/bin/sh", "-c"]
CMD [ "npm", "start" ]
