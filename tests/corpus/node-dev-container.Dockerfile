FROM node:20
ARG USERNAME=node
ARG UID=1000 GID=$UID

RUN if [ "$GID" != "1000" ] || [ "$UID" != "1000" ]; then \
        # The image's own user makes room.
        groupmod --gid $GID $USERNAME \
        && usermod --uid $UID --gid $GID $USERNAME; \
    fi

WORKDIR /workspace
COPY package*.json ./
RUN npm ci
#dev-env=NODE_ENV=development DEBUG=app:*
#dev-cmd-live=npx nodemon --legacy-watch --inspect=0.0.0.0:9229 index.js
COPY . .
RUN npm run build
USER ${USERNAME}
CMD npm start
