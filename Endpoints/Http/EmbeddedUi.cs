using System.Collections.Frozen;
using System.Reflection;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Serves the page that is built into the executable. Every path that is neither a file of the page nor another door's
/// (api, v1, ...) is the page itself, because its own router knows the rest.
/// </summary>
internal sealed class EmbeddedUi
{
    private const string Prefix = "wwwroot/";
    private static readonly PathString[] OtherDoors = ["/api", "/v1", "/chat-images", "/avatars", "/metrics", "/assets", "/sandbox"];
    private readonly FrozenDictionary<string, EmbeddedAsset> _assets;
    private readonly EmbeddedAsset? _index;

    public EmbeddedUi(Assembly assembly, string basePath)
    {
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToHashSet();
        _assets = names
            .Select(PlainName)
            .Distinct()
            .ToFrozenDictionary(name => name[(Prefix.Length - 1)..], name => EmbeddedAsset.From(assembly, name, names), StringComparer.Ordinal);
        if (_assets.GetValueOrDefault("/index.html") is { } index)
        {
            // The page's links are relative to its <base>, so this is all that a base path changes.
            _index = basePath.Length == 0 ? index : index.Replace("<base href=\"/\"", $"<base href=\"{basePath}/\"");
        }
    }

    /// <summary>Answers when the path is the page's. False leaves the request untouched.</summary>
    public async Task<bool> TryServe(HttpContext context)
    {
        var request = context.Request;
        var head = HttpMethods.IsHead(request.Method);
        if ((!head && !HttpMethods.IsGet(request.Method)) || Find(request.Path) is not { } asset)
        {
            return false;
        }

        if (request.Path.StartsWithSegments("/share"))
        {
            // Whoever was given the link may read; whoever searches the web may not find it.
            context.Response.Headers["X-Robots-Tag"] = "noindex, nofollow";
        }

        await asset.Send(context, head);
        return true;
    }

    private EmbeddedAsset? Find(PathString path)
    {
        var value = path.Value ?? "";
        if (value != "/index.html" && _assets.TryGetValue(value, out var asset))
        {
            return asset;
        }

        var isFile = value.AsSpan(value.LastIndexOf('/') + 1).Contains('.') && value != "/index.html";
        return isFile || OtherDoors.Any(door => path.StartsWithSegments(door)) ? null : _index;
    }

    private static string PlainName(string name) =>
        name.EndsWith(".br", StringComparison.Ordinal) || name.EndsWith(".gz", StringComparison.Ordinal) ? name[..^3] : name;
}

internal static class EmbeddedUiExtensions
{
    /// <summary>Comes last: answers what no endpoint has matched.</summary>
    public static void UseEmbeddedUi(this WebApplication app, ServerOptions options)
    {
        var ui = new EmbeddedUi(typeof(EmbeddedUi).Assembly, options.BasePath);
        app.Use((context, next) => context.GetEndpoint() is null ? ServeOrGoOn(context, next) : next(context));

        async Task ServeOrGoOn(HttpContext context, RequestDelegate next)
        {
            if (!await ui.TryServe(context))
            {
                await next(context);
            }
        }
    }
}
