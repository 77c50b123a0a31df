# A small web service.
FROM node:20-alpine

WORKDIR /srv
COPY package.json package-lock.json ./
RUN npm ci --omit=dev \
 && npm cache clean --force
COPY --chown=node:node src ./src

USER node
EXPOSE 3000/tcp
ENV NODE_ENV=production PORT=3000
HEALTHCHECK --interval=10s --timeout=2s CMD wget -qO- http://localhost:3000/ || exit 1
CMD ["node", "src/index.js"]
