FROM rocker/shiny:4.3
RUN R -e "install.packages(c('dplyr', 'ggplot2'), repos = 'https://cran.example.test')"
RUN Rscript -e 'stopifnot(all(c("dplyr", "ggplot2") %in% rownames(installed.packages())))'
COPY app /srv/shiny-server/
RUN echo 'local({ \n\
  options(shiny.port = 3838, shiny.host = "0.0.0.0") \n\
})' > /usr/local/lib/R/etc/Rprofile.site
USER shiny
CMD ["R", "-e", "shiny::runApp('/srv/shiny-server')"]
