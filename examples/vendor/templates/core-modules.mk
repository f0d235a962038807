# Read by the Makefiles of modules: where the core looks for them.
SKERRY_API := @N2@
SKERRY_SCRIPTS := /usr/share/skerry-core/modules
SKERRY_PLUGINS := $(LIBDIR)/skerry-core
