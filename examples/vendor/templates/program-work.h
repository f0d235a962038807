#ifndef @IDENT@_WORK_H
#define @IDENT@_WORK_H
unsigned @IDENT@_answer(unsigned question);
#endif
