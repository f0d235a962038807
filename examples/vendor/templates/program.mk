CC ?= cc
CXX ?= g++
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
PREFIX ?= /usr
VERSION := $(or $(shell cat version.id 2>/dev/null),@VERSION@)
DEFINES = $(CPPFLAGS) -DVERSION='"$(VERSION)"'

all: @NAME@

@NAME@: src/main.@EXT@ src/work.@EXT@ src/work.h
	@COMPILE@ $(DEFINES) $(LDFLAGS) -o $@ src/main.@EXT@ src/work.@EXT@ @LIBS@

check: all
	./@NAME@ 3 | grep -q '^@NAME@ '

install: all
	install -D -m 755 @NAME@ $(DESTDIR)$(PREFIX)/bin/@NAME@@DATA@

clean:
	rm -f @NAME@
