#ifndef SKERRYCORE_MODULE_H
#define SKERRYCORE_MODULE_H
/* What a module tells the core of itself. */
#define SKERRYCORE_API @N2@

struct skerry_module {
    unsigned api;
    const char *name;
    unsigned (*answer)(unsigned question);
};

#ifdef __cplusplus
extern "C" {
#endif
int skerry_accepts(const struct skerry_module *module);
#ifdef __cplusplus
}
#endif
#endif
