FROM clojure:temurin-21-tools-deps AS build
RUN mkdir /build
WORKDIR /build
COPY deps.edn build.clj /build/
RUN clojure -P -X:build
COPY ./ /build
RUN clojure -T:build uber
FROM eclipse-temurin:21-jre
COPY --from=build /build/target/app-standalone.jar /app.jar
ENTRYPOINT ["java", "-Dclojure.main.report=stderr", "-jar", "/app.jar"]
