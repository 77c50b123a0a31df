FROM alpine
ENV ONE=1 TWO="two words" THREE='three $ONE' FOUR=four\ words
ENV FIVE="with \"escaped\" quotes" SIX='it''s' SEVEN="a"'b'c
ENV EIGHT=$ONE NINE=${ONE} TEN="${ONE:-x}${UNSET:-y}${ONE:+z}"
ENV ELEVEN=\$ONE TWELVE="\$ONE" THIRTEEN=\\ FOURTEEN="\\"
ENV FIFTEEN= SIXTEEN="" SEVENTEEN='' EIGHTEEN=a=b=c
ENV PATH=/opt/bin:$PATH LD_LIBRARY_PATH=/opt/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
ENV OLD this is the old form with "quotes" and $ONE and = signs
ENV	TABBED	value	with	tabs
ENV NL="line one\nline two" HASH=a#b COMMENT="# no comment"
ENV JSON={"a":"b"} GLOB=*.[ch]? TILDE=~/x BANG=!x
ENV ümlaut=ä emoji=🐳 日本=語
ENV TRAIL="x"  	 
ENV LAST=one \
    # two
    TWO=two \
  	THREE=three
