CC ?= cc
CXX ?= g++
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
LIBDIR ?= /usr/lib
PREFIX ?= /usr
include /usr/share/skerry-core/module.mk

all: @NAME@.so

@NAME@.so: src/module.@EXT@
	@COMPILE@ $(CPPFLAGS) -fPIC $(LDFLAGS) -shared -o $@ $< -lskerrycore @LIBS@

install: all
	install -D -m 644 @NAME@.so $(DESTDIR)$(SKERRY_PLUGINS)/@NAME@.so@DATA@

clean:
	rm -f @NAME@.so
