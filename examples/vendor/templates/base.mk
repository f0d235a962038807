# Three libraries, a program and a module of Python.
CXX ?= g++
CXXFLAGS ?= -O2 -g
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib
PYTHONDIR ?= $(PREFIX)/lib/python3/dist-packages
VERSION := $(or $(shell cat version.id 2>/dev/null),@VERSION@)
FLAGS = $(CXXFLAGS) $(CPPFLAGS) -fPIC -Iinclude -DVERSION='"$(VERSION)"'
LINK = $(CXX) $(FLAGS) $(LDFLAGS)

LIBRARIES := libskerry.so.1 libskerry-net.so.1 libskerry-text.so.1

all: $(LIBRARIES) skerry-id

libskerry.so.1: src/base.cpp include/skerry/base.h
	$(LINK) -shared -Wl,-soname,$@ -o $@ $<
	ln -sf $@ $(@:.1=)

libskerry-%.so.1: src/%.cpp include/skerry/%.h libskerry.so.1
	$(LINK) -shared -Wl,-soname,$@ -o $@ $< -L. -lskerry
	ln -sf $@ $(@:.1=)

skerry-id: src/id.cpp $(LIBRARIES)
	$(LINK) -o $@ $< -L. -lskerry -lskerry-net -lskerry-text

check: all
	LD_LIBRARY_PATH=. ./skerry-id test | grep -q '^test '

install: all
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(PREFIX)/include/skerry $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(LIBRARIES) $(DESTDIR)$(LIBDIR)
	for each in $(LIBRARIES); do ln -sf $$each $(DESTDIR)$(LIBDIR)/$${each%.1}; done
	install -m 644 include/skerry/*.h $(DESTDIR)$(PREFIX)/include/skerry
	install -m 755 skerry-id $(DESTDIR)$(PREFIX)/bin
	install -D -m 644 skerry.conf $(DESTDIR)$(PREFIX)/share/skerry/skerry.conf
	install -D -m 644 skerry.py $(DESTDIR)$(PYTHONDIR)/skerry.py
	install -D -m 644 guide.txt $(DESTDIR)$(PREFIX)/share/doc/libskerry/guide.txt

clean:
	rm -f *.so *.so.1 skerry-id
