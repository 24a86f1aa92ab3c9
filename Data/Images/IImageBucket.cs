namespace AiChat.Data.Images;

/// <summary>
/// A store of images elsewhere that several servers use. Names are those of <see cref="ImageFolder"/>, and its marks. Every call can fail
/// with a <see cref="StoreException"/>. Thread-safe.
/// </summary>
internal interface IImageBucket
{
    /// <summary>Where it is, without secrets.</summary>
    string Place { get; }

    /// <summary>Stores an object; it is durable when this returns.</summary>
    /// <param name="open">Opens its bytes; may be called several times.</param>
    Task Put(string name, long length, Func<Stream> open, CancellationToken cancel);

    /// <summary>Writes the bytes of an object into a stream that is empty; false when there is no such object.</summary>
    Task<bool> Get(string name, Stream to, CancellationToken cancel);

    /// <summary>Without effect when there is no such object.</summary>
    Task Delete(string name, CancellationToken cancel);

    /// <summary>Hands on all objects, page by page in the order of their names.</summary>
    Task List(Func<List<BucketObject>, Task> take, CancellationToken cancel);
}

/// <param name="name">As it was given to <see cref="IImageBucket.Put"/>.</param>
/// <param name="modifiedAt">When it was stored, by the clock of the store.</param>
internal sealed class BucketObject(string name, DateTimeOffset modifiedAt)
{
    public string Name => name;

    public DateTimeOffset ModifiedAt => modifiedAt;
}
