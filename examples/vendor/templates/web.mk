PREFIX ?= /usr

all: skerry-web

skerry-web: skerry-web.in
	sed 's,%PREFIX%,$(PREFIX),' $< > $@

check: all
	python3 skerry_web.py test | grep -q '<p>test</p>'

install: all
	install -D -m 755 skerry-web $(DESTDIR)$(PREFIX)/bin/skerry-web
	install -D -m 644 skerry_web.py $(DESTDIR)$(PREFIX)/share/skerry-web/skerry_web.py
	install -D -m 644 page.template $(DESTDIR)$(PREFIX)/share/skerry-web/page.template

clean:
	rm -f skerry-web
