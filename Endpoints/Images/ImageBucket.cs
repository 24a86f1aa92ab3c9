using AiChat.Data;
using AiChat.Data.Images;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Images;

/// <summary>The images in an S3-compatible store, in the same form as in a folder.</summary>
internal sealed class ImageBucket : IImageBucket
{
    private readonly ProviderHttp _http;
    private readonly Outbound _outbound;
    private readonly S3Place _place;

    public ImageBucket(ProviderHttp http, Outbound outbound, Redactor redactor, S3Place place)
    {
        (_http, _outbound, _place) = (http, outbound, place);
        redactor.Add(place.SecretKey);
        redactor.Add(place.SessionToken ?? "");
    }

    public string Place => $"s3://{_place.Bucket}/{_place.Prefix}";

    public Task Put(string name, long length, Func<Stream> open, CancellationToken cancel) => Guarded(async client =>
    {
        await client.PutAsync(name, length, open, cancel);
        return true;
    });

    public Task<bool> Get(string name, Stream to, CancellationToken cancel) => Guarded(client => client.FetchAsync(name, to, cancel));

    public Task Delete(string name, CancellationToken cancel) => Guarded(async client =>
    {
        await client.DeleteAsync(name, cancel);
        return true;
    });

    public Task List(Func<List<BucketObject>, Task> take, CancellationToken cancel) => Guarded(async client =>
    {
        await client.ReadListAsync(page => take(page.ConvertAll(one => new BucketObject(one.Name, one.ModifiedAt))), cancel);
        return true;
    });

    /// <summary>The client is made for each call, because the route out may change while the server runs.</summary>
    private async Task<bool> Guarded(Func<S3Client, Task<bool>> call)
    {
        try
        {
            return await call(new S3Client(_http, _place with { Proxies = _outbound.Route }) { IsQuick = true });
        }
        catch (ProviderException error)
        {
            throw new StoreException(StoreFailure.Unavailable, $"The store of the images cannot be used now. {S3Text.Said(error)}", error);
        }
    }
}
