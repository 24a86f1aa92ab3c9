using System.Collections.Concurrent;
using System.Text.Json;
using AiChat.Data;
using AiChat.Data.Chats;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// Pages of the session list as they were last sent, each good for as long as nothing at all has been stored since it was read and
/// its owner has no answer running: then it cannot have changed. Safe for any number of threads.
/// </summary>
internal sealed class SessionPages(Db db, ModelCatalog catalog, RunRegistry registry)
{
    /// <summary>About 10 MB when full of pages of 50. Past it everything is dropped and made again on demand.</summary>
    private const int MaxPages = 512;

    private readonly ConcurrentDictionary<Key, Page> _pages = new();

    /// <summary>The page as it is kept, or as <paramref name="read"/> makes it.</summary>
    public async Task<IResult> Get(CurrentUser me, bool archived, SessionCursor? after, int limit, Func<Task<SessionPage>> read)
    {
        // Both are taken before the page is read: what is stored meanwhile makes it old at once, never the other way round.
        var commits = db.Commits;
        var models = catalog.Current;
        var key = new Key(me.Id, me.Role, archived, after, limit);
        if (me.ApiKeyId is not null || registry.Find(me.Id).Count > 0)
        {
            return new JsonBytes(Bytes(await read()));
        }

        if (_pages.TryGetValue(key, out var known) && known.Commits == commits && known.Models == models)
        {
            return new JsonBytes(known.Json);
        }

        var json = Bytes(await read());
        if (_pages.Count >= MaxPages)
        {
            _pages.Clear();
        }

        _pages[key] = new Page(commits, models, json);
        return new JsonBytes(json);
    }

    private static byte[] Bytes(SessionPage page) => JsonSerializer.SerializeToUtf8Bytes(page, ChatJson.Wire.SessionPage);

    private sealed record Key(long UserId, string Role, bool Archived, SessionCursor? After, int Limit);

    private sealed record Page(long Commits, CatalogSnapshot Models, byte[] Json);

    /// <summary>A body that is JSON already.</summary>
    private sealed class JsonBytes(byte[] json) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = json.Length;
            await httpContext.Response.BodyWriter.WriteAsync(json, httpContext.RequestAborted);
        }
    }
}
