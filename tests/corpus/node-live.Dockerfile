FROM node:20
WORKDIR /app
COPY package*.json ./
RUN npm install
#dev-env=NODE_ENV=development
#dev-run=npm install -g nodemon
#dev-cmd-live=nodemon src/index.js
COPY src src
RUN npm run build
CMD ["node", "dist/index.js"]
