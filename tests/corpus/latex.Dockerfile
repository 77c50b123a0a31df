FROM texlive/texlive:latest
WORKDIR /doc
COPY ["thesis.tex", "bibliography (final).bib", "figures/*.pdf", "./"]
RUN latexmk -pdf -interaction=nonstopmode thesis.tex || { tail -50 thesis.log; exit 1; }
CMD while true; do latexmk -pdf -pvc thesis.tex; sleep 1; done
