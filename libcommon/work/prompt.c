#include "work/prompt.h"

static const char usual[] =
    "Continue the work that CLAUDE.md in this folder describes. Read it first.";

void
prompt_render(const struct prompt *p, struct buf *b)
{
	buf_addf(b, "%s\n\n", p->text == NULL ? usual : p->text);
	buf_addf(b, "This is iteration %lld of at most %lld of run %s, which "
	    "goes on without a person at hand. Each iteration begins with a "
	    "fresh context: what the next one should know, commit, push and "
	    "log ('git agent log KIND \"text\"').\n\n",
	    (long long)p->iteration, (long long)p->max_iterations, p->run);
	buf_addf(b, "When the whole work is done, and not before, end your "
	    "last message with this line alone:\n"
	    "<promise>%s</promise>\n", p->promise);
	buf_addf(b, "The loop then %saccepts the promise only if %sall work "
	    "is committed and pushed. Otherwise it tells you why, and the "
	    "work goes on.\n", p->has_oracle ? "runs the oracle itself and " :
	    "", p->has_oracle ? "HEAD passes and " : "");
	if (p->refusal != NULL)
		buf_addf(b, "\n# Your last promise was not accepted\n\n%s\n",
		    p->refusal);
	if (*p->instructions != '\0')
		buf_addf(b, "\n# Instructions from people\n\n%s\n",
		    p->instructions);
	buf_addf(b, "\n%s", p->digest);
}
