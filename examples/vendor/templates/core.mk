# The daemon, the library that it and its modules share, and what modules are built with.
CXX ?= g++
CXXFLAGS ?= -O2 -g
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib
VERSION := $(or $(shell cat version.id 2>/dev/null),@VERSION@)
LINK = $(CXX) $(CXXFLAGS) $(CPPFLAGS) -fPIC -Iinclude -DVERSION='"$(VERSION)"' -DMODULES='"$(LIBDIR)/skerry-core"' $(LDFLAGS)

all: libskerrycore.so.1 skerryd

libskerrycore.so.1: src/core.cpp include/skerrycore/module.h
	$(LINK) -shared -Wl,-soname,$@ -o $@ $< -lskerry
	ln -sf $@ libskerrycore.so

skerryd: src/daemon.cpp libskerrycore.so.1
	$(LINK) -o $@ $< -L. -lskerrycore -lskerry-net -lskerry

check: all
	LD_LIBRARY_PATH=. ./skerryd --version | grep -q '^skerryd '

install: all
	install -D -m 644 libskerrycore.so.1 $(DESTDIR)$(LIBDIR)/libskerrycore.so.1
	ln -sf libskerrycore.so.1 $(DESTDIR)$(LIBDIR)/libskerrycore.so
	install -D -m 644 include/skerrycore/module.h $(DESTDIR)$(PREFIX)/include/skerrycore/module.h
	install -D -m 755 skerryd $(DESTDIR)$(PREFIX)/sbin/skerryd
	install -D -m 644 module.mk $(DESTDIR)$(PREFIX)/share/skerry-core/module.mk
	install -D -m 644 core.conf $(DESTDIR)$(PREFIX)/share/skerry-core/core.conf
	install -D -m 644 full.txt $(DESTDIR)$(PREFIX)/share/skerry-core/full.txt
	install -D -m 644 guide.txt $(DESTDIR)$(PREFIX)/share/doc/skerry-core/guide.txt

clean:
	rm -f *.so *.so.1 skerryd
