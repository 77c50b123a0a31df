FROM alpine
LABEL version="1.0"
LABEL description="This text illustrates \
that label-values can span multiple lines."
LABEL multi.label1="value1" multi.label2="value2" other="value3"
LABEL multi.label1="value1" \
      multi.label2='single "double" inside' \
      # commented="out"
      multi.label3=un\ quoted\ value \

      "quoted.key"="v" 'single.key'='v' \
      empty= empty2="" \
      json='{"a": [1, 2, {"b": "c"}]}'
LABEL com.example.vendor ACME Incorporated
LABEL a=$VERSION b="${VERSION}" c='$VERSION' d=\$VERSION
LABEL dotted.UPPER-lower_1=x/y:z@1
