//! Hours of mixed load with kills and deploys: memory, disk and descriptors stay flat.
