PREFIX ?= /usr

all: @NAME@

@NAME@: @NAME@.in
	@MAKING@

check: all
	@INTERPRETER@ @NAME@ 3 | grep -q '^@NAME@ '

install: all
	install -D -m 755 @NAME@ $(DESTDIR)$(PREFIX)/bin/@NAME@

clean:
	rm -f @NAME@
