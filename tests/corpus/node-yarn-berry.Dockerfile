FROM node:lts-alpine AS deps
WORKDIR /app
COPY .yarnrc.yml package.json yarn.lock ./
COPY .yarn/releases .yarn/releases
COPY .yarn/plugins .yarn/plugins
RUN yarn workspaces focus --production --all && yarn cache clean

FROM deps AS build
RUN yarn install --immutable
COPY tsconfig*.json ./
COPY src/ src/
RUN yarn tsc -b

FROM node:lts-alpine
LABEL org.opencontainers.image.title="orders" \
      org.opencontainers.image.licenses="MIT"
RUN apk add --no-cache tini
WORKDIR /app
COPY --from=deps /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json .
ENV NODE_OPTIONS="--enable-source-maps --max-old-space-size=512"
USER 1000
ENTRYPOINT ["/sbin/tini", "--"]
CMD ["node", "dist/server.js"]
