namespace AiChat.Endpoints.Http;

/// <summary>
/// The path below which people see the server: BASE_PATH, or what a trusted proxy took away and says in X-Forwarded-Prefix. Works with
/// proxies that pass the path on and with those that take it away.
/// </summary>
internal sealed class BasePath(ServerOptions options)
{
    // For code that runs for a request but does not see it. It flows into the run that a request starts.
    private readonly AsyncLocal<string?> _forwarded = new();

    /// <summary>"" or a path such as "/chat", without a slash at its end.</summary>
    public string Current => _forwarded.Value ?? options.BasePath;

    /// <summary>Comes before routing: moves the base from the request's path to its PathBase.</summary>
    public Task Apply(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var outer = context.Client().Prefix;
        if (options.BasePath.Length == 0 && outer.Length == 0)
        {
            return next(context);
        }

        Take(request, outer);
        var both = Take(request, options.BasePath) && !outer.EndsWith(options.BasePath, StringComparison.Ordinal);
        request.PathBase = both || outer.Length == 0 ? outer + options.BasePath : outer;
        return request.PathBase == options.BasePath ? next(context) : ApplyForwarded(request.PathBase, context, next);
    }

    private async Task ApplyForwarded(string path, HttpContext context, RequestDelegate next)
    {
        _forwarded.Value = path;
        await next(context);
    }

    /// <summary>Removes a path at the front of the request's, if it is there: the proxy may have done it.</summary>
    private static bool Take(HttpRequest request, string path)
    {
        if (path.Length == 0 || !request.Path.StartsWithSegments(path, StringComparison.Ordinal, out var rest))
        {
            return false;
        }

        request.Path = rest;
        return true;
    }
}

internal static class BasePathExtensions
{
    public static void UseBasePath(this WebApplication app)
    {
        var basePath = app.Services.GetRequiredService<BasePath>();
        app.Use((context, next) => basePath.Apply(context, next));
    }
}
