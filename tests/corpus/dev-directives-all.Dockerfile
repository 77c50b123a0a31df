FROM node AS build
# Directives in every spelling.
#dev-run=echo plain
# dev-run=echo blank
  ##  dev-run  =  echo blanks
#DEV-RUN=echo upper
	#dev-run=["echo", "json", "form"]
#dev-run=echo a = b = "c" # d
#dev-env=A=1 B="two words" C=
#dev-env=OLD form
#dev-copy=--chown=1:1 a b /c/
#dev-copy=["a b", "/c"]
#dev-run=--mount=type=cache,target=/c true
WORKDIR /app
COPY . .
#dev-cmd-live=["npm", "run", "dev"]
RUN npm run build
#dev-run=echo after
#dev-copy=late.txt .
CMD node .
FROM nginx
COPY --from=build /app /app
