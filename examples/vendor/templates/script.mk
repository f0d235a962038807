PREFIX ?= /usr
include /usr/share/skerry-core/module.mk

all: @NAME@

@NAME@: @NAME@.in
	sed 's/%API%/$(SKERRY_API)/' $< > $@

check: all
	@INTERPRETER@ @NAME@ 3 | grep -q '^@NAME@ '

install: all
	install -D -m 755 @NAME@ $(DESTDIR)$(SKERRY_SCRIPTS)/@NAME@

clean:
	rm -f @NAME@
