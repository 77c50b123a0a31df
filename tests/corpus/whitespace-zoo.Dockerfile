	FROM	alpine	AS	a	
   RUN    echo    a    
COPY		a		b		
  ENV   A=1    B=2   
LABEL	a = b
CMD	[	"x"	]	
	#	comment	
 
	 	
USER	 me 
