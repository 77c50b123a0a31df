FROM electronuserland/builder:wine
WORKDIR /project
COPY ["package.json", "package-lock.json", "./"]
RUN ["npm", "ci"]
COPY [".", "."]
ENV ELECTRON_CACHE="/root/.cache/electron" ELECTRON_BUILDER_CACHE="/root/.cache/electron-builder"
VOLUME ["/project/dist"]
ENTRYPOINT ["npx", "electron-builder"]
CMD ["--linux", "--win"]
