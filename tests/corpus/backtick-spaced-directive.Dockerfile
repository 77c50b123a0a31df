#   EsCaPe   =   `   
FROM x
RUN a `
 b
