FROM sbtscala/scala-sbt:eclipse-temurin-17.0.4_1.7.1_3.2.0 AS build
WORKDIR /build
COPY project/build.properties project/plugins.sbt project/
COPY build.sbt .
RUN sbt update
COPY src src
RUN sbt 'set assembly / test := {}' assembly
FROM eclipse-temurin:17-jre
COPY --from=build /build/target/scala-3.*/app-assembly-*.jar /app.jar
CMD ["java", "-cp", "/app.jar", "example.Main", "--conf", "k=v,w=[x y]"]
