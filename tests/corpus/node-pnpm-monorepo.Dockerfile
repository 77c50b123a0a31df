# syntax=docker/dockerfile:1.7
ARG NODE_VERSION=20.11-bookworm-slim

FROM node:${NODE_VERSION} AS base
ENV PNPM_HOME=/pnpm
ENV PATH="$PNPM_HOME:$PATH"
RUN corepack enable
WORKDIR /repo

FROM base AS fetched
COPY pnpm-lock.yaml ./
RUN --mount=type=cache,id=pnpm,target=/pnpm/store pnpm fetch

FROM fetched AS built
COPY . .
RUN --mount=type=cache,id=pnpm,target=/pnpm/store \
    pnpm install --recursive --offline --frozen-lockfile
RUN pnpm --filter '@shop/api...' run build
RUN pnpm deploy --filter=@shop/api --prod /out/api \
 && pnpm deploy --filter=@shop/web --prod /out/web

FROM base AS api
COPY --from=built --chown=node:node /out/api /srv
WORKDIR /srv
USER node
#dev-cmd-live=pnpm exec tsx watch src/main.ts
EXPOSE 8000
CMD [ "node", "dist/main.js" ]

FROM nginx:1.25-alpine AS web
COPY --from=built /out/web/dist /usr/share/nginx/html
