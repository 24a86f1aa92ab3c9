namespace AiChat.Endpoints.Http;

/// <summary>
/// Refuses requests to a name that is not this server's, when the operator listed the names: a page of somebody else's whose name
/// was made to point here gets no answer. Without a list nothing depends on the name, because no link is built from it.
/// </summary>
internal static class AllowedHosts
{
    /// <summary>Comes after <c>UseProblems</c>, so that the refusal is a problem object.</summary>
    public static void UseAllowedHosts(this WebApplication app, ServerOptions options)
    {
        if (options.AllowedHosts.Count == 0)
        {
            return;
        }

        var allowed = options.AllowedHosts.ToHashSet(StringComparer.OrdinalIgnoreCase);

        // A health check or a monitor on this machine itself has no other name for it.
        app.Use((context, next) => context.Caller().OnThisMachine || allowed.Contains(context.Request.Host.Host)
            ? next(context)
            : Problems.BadRequest("This server is not known by that name.").ExecuteAsync(context));
    }
}
