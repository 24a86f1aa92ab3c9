using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Nodes;

/// <summary>
/// Refuses requests while this process cannot read what others have changed: a login that was ended elsewhere would still hold here.
/// </summary>
internal static class StoreOutage
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>Not where this process is alone. Health checks are answered: they tell of it themselves.</summary>
    public static void UseStoreOutage(this WebApplication app)
    {
        if (app.Services.GetService<NodeLink>() is { } link)
        {
            app.Use((context, next) => link.SilentFor < Limit || IsProbe(context.Request.Path) ? next(context)
                : Problems.FromStore(new StoreException(StoreFailure.Unavailable, "Nothing can be read.")).ExecuteAsync(context));
        }
    }

    private static bool IsProbe(PathString path) => path.Value is { } text && text.EndsWith("/health", StringComparison.Ordinal);
}
